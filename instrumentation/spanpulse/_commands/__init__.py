"""The commands of the thin install, one file each; heavy imports stay inside the functions."""
