"""Pure functions on masks: stability, accuracy, consistency."""
