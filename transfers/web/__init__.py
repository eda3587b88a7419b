"""The public face: looking up a case, for enrollees."""
