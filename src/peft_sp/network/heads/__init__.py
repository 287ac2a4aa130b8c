"""From hidden states to emissions: heads, and the LSTMs that they share with the student."""
