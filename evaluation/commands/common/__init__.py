"""What commands share: options, configuration, how they fail, bars, backends and prices."""
