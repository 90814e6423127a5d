"""Commands about the models that the gateway can run by itself."""
