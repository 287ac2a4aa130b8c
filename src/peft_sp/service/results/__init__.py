"""Results of a job that is done, as the API gives them."""
