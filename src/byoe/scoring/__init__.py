"""Metrics, the leaderboard, and a closer look."""
