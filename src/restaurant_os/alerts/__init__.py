"""Rules over the metrics, and what is told when one of them is broken: readings, incidents, messages, channels, the forecast and the flash."""
