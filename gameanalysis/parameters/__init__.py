"""Parameters that move: sweeps of analyses, branches of critical points, their events."""
