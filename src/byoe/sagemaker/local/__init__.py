"""Jobs, tunings and endpoints on this machine, in the platform's layout."""
