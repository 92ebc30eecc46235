"""What goes wrong in practice, found before it hurts: with evidence, a remedy, a fix where that is safe."""
