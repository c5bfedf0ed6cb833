"""What the model families share: pixels, tokens, network towers."""
