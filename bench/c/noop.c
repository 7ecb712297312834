/* The job of the other benches: a static program that does nothing, well. */
int main(void)
{
	return 0;
}
