"""One file of facts for each exchange that somebody has described."""
