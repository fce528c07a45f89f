"""What becomes of vouchers after their vintage's last day: planned purely, booked by a job."""
