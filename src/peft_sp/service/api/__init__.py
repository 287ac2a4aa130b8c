"""The routes of the API and of the page by concern, what they take and what they give."""
