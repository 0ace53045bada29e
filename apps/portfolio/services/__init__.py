"""What accounts are worth, how they got there, and how they could be held instead."""
