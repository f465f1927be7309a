"""What every page shares: the frame around it, badges, icons, figures, times. A leaf: it knows no room; rooms hand in their parts."""
