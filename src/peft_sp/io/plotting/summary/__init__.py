"""The summary page of a run: charts, a table, and every protein's picture in one HTML file."""
