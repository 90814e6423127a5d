"""The study as one HTML page that needs nothing but itself.

`render` puts it together from `report.html.j2`, `sentences` and `tables` say in words and in rows
what was measured, `counterparts` finds the paper's figure that stands beside ours. Nothing is
measured here.
"""
