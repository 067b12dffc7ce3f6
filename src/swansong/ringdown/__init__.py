"""Black-hole spectroscopy: the ringdown of a remnant from strain to posterior."""
