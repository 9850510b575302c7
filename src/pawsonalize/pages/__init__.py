"""Pages for operators, which the console shows and wings add to: sign-in, views and actions."""
