"""What chooses among programs without tests of the caller, measured on what models wrote."""
