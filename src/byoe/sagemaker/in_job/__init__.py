"""What runs inside a job, on AWS and here alike."""
