"""Which of a model's servers is asked, which is left alone, and what if one fails."""
