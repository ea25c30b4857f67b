"""The stream processor: cutting, the steps in order, claim-write-acknowledge."""
