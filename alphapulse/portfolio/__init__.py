"""What it is worth, how it got there, how it could be held instead. Pure."""
