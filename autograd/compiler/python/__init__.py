"""The back end without dependencies: programs as readable Python source."""
