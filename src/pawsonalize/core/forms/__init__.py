"""Forms: bodies and files read into typed values, and what is wrong with them."""
