"""The forms of a verdict that CI servers show: made of the verdict and its results, never collected a second time."""
