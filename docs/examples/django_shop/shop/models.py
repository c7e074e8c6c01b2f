"""An order, which is in Django's own database."""

from django.db import models


class Order(models.Model):
    customer = models.CharField(max_length=100)
    confirmed_by = models.CharField(max_length=128, blank=True)
