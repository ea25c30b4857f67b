"""The commands behind the console script, one file each; heavy imports stay inside the functions."""
