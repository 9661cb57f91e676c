"""Jobs, tunings and endpoints on AWS."""
