"""Games with a prescribed property at a point, drawn at random by Hypothesis."""
