"""Mathematics that several analyses share."""
