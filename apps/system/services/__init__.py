"""What is done about the system itself."""
