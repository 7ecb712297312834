"""The app's models: what is indexed, what the index holds, what is known of its runs."""
