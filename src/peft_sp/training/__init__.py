"""From labelled data to trained models and honest numbers."""
