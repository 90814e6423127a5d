"""`budget-router train ...`: one file a command."""
