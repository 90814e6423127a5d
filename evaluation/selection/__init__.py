"""How answers are chosen where no tests judge them: selectors, measured on recorded samples."""
