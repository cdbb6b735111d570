"""Neural-graphics applications end to end: procedural scenes, training, and rendering."""
