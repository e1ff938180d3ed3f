"""Classification of images: digits and CIFAR-10."""
