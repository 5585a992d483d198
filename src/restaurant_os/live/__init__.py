"""What goes on by itself while a process runs."""
