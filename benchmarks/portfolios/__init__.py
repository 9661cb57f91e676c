"""How the portfolios of ``learners="fast" | "default" | "best"`` are measured and chosen."""
