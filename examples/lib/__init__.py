"""What the demos share: each part measures or looks after one thing. Standard library only."""
