"""What the pages of the console and their JSON show."""
