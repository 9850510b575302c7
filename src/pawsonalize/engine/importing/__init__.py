"""Import jobs: CSV files in Amazon Personalize's form, row by row into the tables."""
