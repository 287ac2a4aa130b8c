"""What stands between clients and the service: limits, the token, headers, slow connections."""
