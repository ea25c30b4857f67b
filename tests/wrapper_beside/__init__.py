"""Other instrumentations, and frameworks, in one process with the wrapper, and what was really called of whom."""
