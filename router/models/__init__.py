"""The model catalogue and the pull: which files serve which model, and how they get here."""
