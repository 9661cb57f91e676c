"""Three learners and a blender for byoe."""
