"""What a tenant's administrator and the operator see of the machinery: health, jobs, failures."""
