"""What texts are worth where nothing else is known: new items, new users, thin train parts."""
