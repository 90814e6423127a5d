"""What chooses among answers without tests of the caller, measured on what models wrote."""
