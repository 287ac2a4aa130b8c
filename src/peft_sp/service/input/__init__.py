"""What clients send: received in pieces onto the disk, and looked at within limits."""
